import type { Instrument, StreamKind } from '../../domain/instrument.ts';
import { sourceContract } from '../../ports/source.contract.ts';
import type { StreamWish } from '../../ports/source.ts';
import {
  encode24hrTicker,
  encodeAggTrade,
  encodeBookTicker,
  encodeCombined,
  encodeDepthUpdate,
  encodeKline,
  encodeTrade,
} from './encode.ts';
import { createBinanceSource, liveHosts } from './index.ts';
import { requests } from './requests.ts';

const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
const atUs = 1_790_649_901_913_123;
const times = { eventAtUs: atUs + 200, tradedAtUs: atUs };
const trade = {
  symbol: 'BTCUSDT',
  tradeId: 6720857582,
  price: '83034.29000000',
  quantity: '0.00062000',
  buyerIsMaker: true,
  ...times,
};
const aggregate = { ...trade, aggTradeId: 991, firstTradeId: 6720857580, lastTradeId: 6720857582 };
const depth = {
  symbol: 'BTCUSDT',
  firstUpdateId: 10,
  finalUpdateId: 12,
  previousUpdateId: 9,
  eventAtUs: atUs,
  bids: [
    ['83034.29', '1.5'],
    ['83034.28', '0'],
  ],
  asks: [['83034.30', '2']],
} as const;
const ticker = {
  symbol: 'BTCUSDT',
  updateId: 5,
  bidPrice: '83034.29',
  bidQuantity: '1',
  askPrice: '83034.30',
  askQuantity: '2',
  eventAtUs: atUs,
};
const day = {
  symbol: 'BTCUSDT',
  eventAtUs: atUs,
  priceChange: '-1.50',
  priceChangePercent: '-0.1',
  averagePrice: '83000.1',
  lastPrice: '83034.29',
  lastQuantity: '0.1',
  open: '83035.79',
  high: '83100',
  low: '83000',
  volume: '12.5',
  quoteVolume: '1037928.6',
  openedAtUs: atUs - 86_400_000_000,
  closedAtUs: atUs,
  firstTradeId: 1,
  lastTradeId: 9,
  tradeCount: 9,
};
const candle = {
  symbol: 'BTCUSDT', eventAtUs: 1_790_649_960_000_000, interval: '1m', openedAtUs: 1_790_649_900_000_000, closedAtUs: 1_790_649_959_999_999,
  open: '1', high: '2', low: '0.5', close: '1.5', volume: '10', quoteVolume: '12.5', tradeCount: 3, takerBuyVolume: '4', takerBuyQuoteVolume: '5',
  firstTradeId: 7, lastTradeId: 9, isClosed: true,
}; // biome-ignore format: one message each

const kinds: readonly StreamKind[] = ['trade', 'agg-trade', 'depth', 'book-ticker', 'ticker', 'kline'];
const wishes: StreamWish[] = (['spot', 'usdm'] as const).flatMap((market) =>
  Array.from({ length: 250 }, (_, at) => ({ venue: 'binance', market, symbol: `S${at}USDT` }) as const).flatMap((instrument) =>
    kinds.map((kind): StreamWish => (kind === 'kline' ? { instrument, kind, interval: '1m' } : { instrument, kind })),
  ),
); // biome-ignore format: one list

sourceContract('binance', () => ({
  open: createBinanceSource,
  hosts: liveHosts,
  wishes,
  frames: (['spot', 'usdm'] as const).flatMap((market) =>
    [
      encodeCombined('btcusdt@trade', encodeTrade(market, trade)),
      encodeTrade(market, trade),
      encodeCombined('btcusdt@aggTrade', encodeAggTrade(market, aggregate)),
      encodeCombined('btcusdt@depth@100ms', encodeDepthUpdate(market, depth)),
      encodeCombined('btcusdt@bookTicker', encodeBookTicker(market, ticker)),
      encodeCombined('btcusdt@ticker', encode24hrTicker(market, day)),
      encodeCombined('btcusdt@kline_1m', encodeKline(candle)),
    ].map((text) => ({ market, text })),
  ),
  answers: [
    { request: requests.time('spot'), text: '{"serverTime":1790649901913123}' },
    {
      request: requests.exchangeInfo('spot', ['BTCUSDT']),
      text: '{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01000000"},{"filterType":"LOT_SIZE","stepSize":"0.00001000"}]}]}',
    },
    { request: requests.bookSnapshot(btc), text: '{"lastUpdateId":160,"bids":[["83034.29","1.5"]],"asks":[["83034.30","2"]]}' },
    {
      request: requests.tradesById(btc, 7, 2)!,
      text: '[{"id":7,"price":"1.50","qty":"2","quoteQty":"3","time":1790649901913123,"isBuyerMaker":true,"isBestMatch":true},{"id":8,"price":"1.51","qty":"2","quoteQty":"3","time":1790649901913124,"isBuyerMaker":false,"isBestMatch":true}]',
    },
    { request: requests.latestTrade(btc), text: '[{"id":7,"price":"1.50","qty":"2","quoteQty":"3","time":1790649901913123,"isBuyerMaker":true,"isBestMatch":true}]' },
    {
      request: requests.aggTradesById(btc, 7, 2),
      text: '[{"a":7,"p":"1.50","q":"2","f":70,"l":72,"T":1790649901913123,"m":true,"M":true},{"a":8,"p":"1.50","q":"2","f":73,"l":73,"T":1790649901913123,"m":false,"M":true}]',
    },
    {
      request: requests.klines(btc, '1m', 1_790_649_900_000_000, 1_790_649_900_000_000, 5),
      text: '[[1790649900000000,"1","2","0.5","1.5","10",1790649959999999,"12.5",3,"4","5","0"]]',
    },
  ],
})); // biome-ignore format: one answer each

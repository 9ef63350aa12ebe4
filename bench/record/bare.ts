// The limit: the same client library, counting frames and doing nothing else. Arguments: URL, how many frames.
import WebSocket from 'ws';

const [url, countText] = process.argv.slice(2);
const count = Number(countText);
// The acknowledgement is a frame, too.
let left = count + 1;
let startedMs = 0;
const socket = new WebSocket(url!, { perMessageDeflate: false, skipUTF8Validation: true } as WebSocket.ClientOptions);
socket.on('open', () => socket.send('{"method":"SUBSCRIBE","params":["a"],"id":1}'));
socket.on('message', () => {
  if (startedMs === 0) startedMs = performance.now();
  left -= 1;
  if (left > 0) return;
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${JSON.stringify({ framesPerSecond: count / seconds })}\n`);
  process.exit(0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from './index.ts';

const commands = [
  'config',
  'demo',
  'doctor',
  'export',
  'gaps',
  'harbour',
  'jobs',
  'lake',
  'models',
  'rebuild',
  'record',
  'replay',
  'report',
  'restore',
  'serve',
  'sql',
  'up',
];

test('the commands are these', () => {
  const names = createProgram().commands.map((command) => command.name());
  assert.deepEqual(names.toSorted(), commands);
});

for (const name of commands) {
  test(`help of ${name} ends with examples of it`, () => {
    const command = createProgram().commands.find((one) => one.name() === name)!;
    let help = '';
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    assert.match(help, new RegExp(`\\nExamples:\\n(?:  .*\\n)*?  .*tidemark .*\\b${name}\\b`));
    assert.ok(command.description().length > 20);
  });
}

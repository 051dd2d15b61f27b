/** The `polybpf` command. */
import { type BpfError, formatError, isBpfError } from '@polybpf/errors';
import { CommanderError } from 'commander';
import { EXIT_BAD_INPUT, EXIT_DONE, exitCodeOf } from './exit-code.ts';
import { buildCommand } from './command.ts';
import { printJson } from './print.ts';

// A reader that has seen enough (`| head`) is no failure; help is written to this stream, reports are not.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.exitCode = main(process.argv.slice(2));

function main(args: string[]): number {
  try {
    let exitCode = EXIT_DONE;
    const command = buildCommand((code) => {
      exitCode = code;
    });
    command.parse(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return usage(error, args.includes('--json'));
    if (isBpfError(error)) return report(error, args.includes('--json'));
    throw error;
  }
}

/** What is wrong with the arguments is on standard error already. */
function usage({ exitCode, message }: CommanderError, json: boolean): number {
  if (exitCode === 0) return EXIT_DONE;
  if (json) printJson({ error: { code: 'E_USAGE', message: message.replace(/^error: /, '').trim(), at: {} } });
  return EXIT_BAD_INPUT;
}

function report(error: BpfError, json: boolean): number {
  if (json) {
    const { code, message, at, expected, got } = error;
    printJson({ error: { code, message, at, expected, got } });
  }
  process.stderr.write(`polybpf: ${formatError(error)}\n`);
  return exitCodeOf(error.code);
}

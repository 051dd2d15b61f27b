/** The `polybpf` command. */
import { type BpfError, formatError, isBpfError } from '@polybpf/errors';
import { CommanderError } from 'commander';
import { EXIT_BAD_INPUT, EXIT_DONE, exitCodeOf } from './exit-code.ts';
import { buildCommand } from './command.ts';
import { printJson } from './print.ts';

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
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_BAD_INPUT;
    if (isBpfError(error)) return report(error, args.includes('--json'));
    throw error;
  }
}

function report(error: BpfError, json: boolean): number {
  if (json) {
    const { code, message, at, expected, got } = error;
    printJson({ error: { code, message, at, expected, got } });
  }
  process.stderr.write(`polybpf: ${formatError(error)}\n`);
  return exitCodeOf(error.code);
}

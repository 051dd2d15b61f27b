// docs/CLI.md from the commands themselves: what `--help` says, as Markdown.
import { buildCommand } from '../../apps/cli/src/command.ts';

type Command = ReturnType<typeof buildCommand>;
type Argument = Command['registeredArguments'][number];
type Option = Command['options'][number];

/** Every command of `polybpf` with its arguments and options. */
export function renderCliReference(): string {
  const program = buildCommand(() => undefined);
  const index = program.commands.map(
    (command) => `| [\`${command.name()}\`](#polybpf-${command.name()}) | ${command.description()} |`,
  );
  return ['', '| command | what it does |', '| --- | --- |', ...index, '', ...program.commands.flatMap(section)].join(
    '\n',
  );
}

function section(command: Command): string[] {
  const { registeredArguments: args, options } = command;
  return [
    `## polybpf ${command.name()}`,
    '',
    `${sentence(command.description())}`,
    '',
    '```text',
    ['polybpf', command.name(), ...args.map(argumentTerm), '[options]'].join(' '),
    '```',
    '',
    ...(args.length === 0 ? [] : [...args.map((argument) => `- ${code(argumentTerm(argument))}: ${argument.description}`), '']), // prettier-ignore
    '| option | meaning |',
    '| --- | --- |',
    ...options.map((option) => `| ${code(option.flags)} | ${cell(optionMeaning(option))} |`),
    '',
  ];
}

function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? name : `[${name}]`;
}

function optionMeaning(option: Option): string {
  const parts = [option.description];
  if (option.argChoices !== undefined) parts.push(`one of ${option.argChoices.map(code).join(', ')}`);
  if (typeof option.defaultValue === 'string') parts.push(`default ${code(option.defaultValue)}`);
  if (option.mandatory) parts.push('must be given');
  return parts.join('; ');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Inside a table a bar ends the cell, also in code. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replace(/(?<!\\)\|/g, '\\|');
}

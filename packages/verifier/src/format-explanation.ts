/** A refusal in the form of kernel 7.3: category, reason, place, causal path, suggestion. */
import type { Cause, Explanation, InsnPlace } from './explain.ts';

/** Instructions shown before the one at fault. */
const CONTEXT = 3;

function indent(text: string): string {
  return text.split('\n').map((line) => (line === '' ? line : `  ${line}`)).join('\n'); // prettier-ignore
}

function sourceOf({ source }: InsnPlace): string {
  if (source === undefined) return '';
  return `${source.file.slice(source.file.lastIndexOf('/') + 1)}:${source.line} | ${source.text}`;
}

function causeText(cause: Cause): string {
  const what =
    cause.kind === 'learnt'
      ? `${cause.name} was ${cause.before ?? ''}, is ${cause.value} from here on`
      : cause.value === 'no value'
        ? `${cause.name} has no value from here on`
        : `${cause.name} became ${cause.value}`;
  const source = sourceOf(cause);
  return `insn ${cause.insn}: ${cause.text}\n  ${what}${source === '' ? '' : `\n  ${source}`}`;
}

function placeText(explanation: Explanation, at: InsnPlace): string {
  const source = sourceOf(at);
  const before = explanation.path.slice(-CONTEXT - 1, -1);
  const width = String(at.insn).length;
  const line = (mark: string, { insn, text }: InsnPlace): string => `${mark} ${String(insn).padStart(width)} | ${text}`;
  return [
    ...(source === '' ? [`insn ${at.insn}`] : [source]),
    `        | ^-- error: ${explanation.message}`,
    'Instruction context:',
    ...before.map((step) => line('   ', step)),
    line('>>>', at),
  ].join('\n');
}

/** The report alone, without what the classic log says before it. */
export function formatExplanation(explanation: Explanation): string {
  const { at, causes, lost } = explanation;
  // Of a branch in a loop the last time counts.
  const branches = [...new Map(explanation.path.filter(({ branch }) => branch !== undefined).map((step) => [step.insn, step])).values()]; // prettier-ignore
  const steps = [
    ...branches.slice(-8).map((step) => ({ insn: step.insn, text: `insn ${step.insn}: ${step.text}\n  branch ${step.branch!}` })), // prettier-ignore
    ...causes.map((cause) => ({ insn: cause.insn, text: causeText(cause) })),
  ];
  const order = new Map(explanation.path.map(({ insn }, i) => [insn, i]));
  steps.sort((a, b) => (order.get(a.insn) ?? 0) - (order.get(b.insn) ?? 0));
  const known = explanation.subject === undefined || explanation.known === '' ? '' : `\nKnown: ${explanation.subject} is ${explanation.known}.`; // prettier-ignore
  const lostText = lost === undefined ? '' : `\nLost at insn ${lost.insn}: ${lost.text}`;
  const sections = [
    `Verification failed: ${explanation.category}: ${explanation.title}`,
    `Reason:\n${indent(`${explanation.reason}\nRequired: ${explanation.required}.${known}${lostText}`)}`,
    ...(at === undefined ? [] : [`At:\n${indent(placeText(explanation, at))}`]),
    `Causal path:\n${indent(steps.length === 0 ? 'no retained diagnostic events on this path' : steps.map(({ text }) => text).join('\n'))}`, // prettier-ignore
    `Suggestion:\n${indent(explanation.suggestion)}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

/** A classic log with the report before its figures, as kernel 7.3 prints it. */
export function formatModernLog(classic: string, explanation: Explanation): string {
  const figures = /^(?:verification time |stack depth |processed )/m.exec(classic)?.index ?? classic.length;
  return `${classic.slice(0, figures)}\n${formatExplanation(explanation)}\n${classic.slice(figures)}`;
}

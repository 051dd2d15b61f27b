export { adviseOn } from './advice.ts';
export type { Advice } from './advice.ts';
export { explain } from './explain.ts';
export type { Cause, Explanation, InsnPlace, NamedValue, PathStep, SourcePlace } from './explain.ts';
export { formatExplanation, formatModernLog } from './format-explanation.ts';
export type { FunctionInfo, LineInfo, Privilege, VerifyInput, VerifyMap } from './input.ts';
export type { Verdict, VerifyReport } from './report.ts';
export { verify } from './verify.ts';
export type { VerifyOptions } from './verify.ts';

export type { FunctionInfo, LineInfo, Privilege, VerifyInput, VerifyMap } from './input.ts';
export type { Verdict, VerifyReport } from './report.ts';
export { verify } from './verify.ts';
export type { VerifyOptions } from './verify.ts';

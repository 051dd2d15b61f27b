/** Measures away from the page, which stays alive: entry of the worker's script. */
import { speedBars, speedSections, type SpeedReport } from '../speed-report.ts';
import { measureInBrowser } from './measure.ts';
import { unpackInputs } from './page-inputs.ts';

/** What the page asks for. */
export interface WorkerRequest {
  readonly inputs: string;
  readonly isQuick: boolean;
}

/** What the worker says, in this order: parts as they begin, then the report or what went wrong. */
export type WorkerMessage =
  | { readonly kind: 'part'; readonly name: string }
  | {
      readonly kind: 'report';
      readonly report: SpeedReport;
      readonly bars: ReturnType<typeof speedBars>;
      readonly sections: ReturnType<typeof speedSections>;
    }
  | { readonly kind: 'failure'; readonly message: string };

interface WorkerScope {
  onmessage: ((event: { readonly data: WorkerRequest }) => void) | null;
  postMessage(message: WorkerMessage): void;
  readonly navigator: { readonly userAgent: string; readonly hardwareConcurrency: number };
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data }) => {
  try {
    const { userAgent, hardwareConcurrency } = scope.navigator;
    const environment = { browser: userAgent, cores: `${hardwareConcurrency} cores` };
    const inputs = unpackInputs(data.inputs);
    const report = measureInBrowser(inputs, data.isQuick, environment, (name) => scope.postMessage({ kind: 'part', name })); // prettier-ignore
    scope.postMessage({ kind: 'report', report, bars: speedBars(report), sections: speedSections(report) });
  } catch (error) {
    scope.postMessage({ kind: 'failure', message: String(error) });
  }
};

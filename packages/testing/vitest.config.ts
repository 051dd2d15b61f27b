import { packageConfig } from '../../vitest.shared.ts';

const config = packageConfig(import.meta.dirname);

/** The suite that examples/testing shows is run as it stands there. */
export default {
  ...config,
  test: { ...config.test, include: [...config.test!.include!, '../../examples/testing/**/*.test.ts'] },
};

/** Says one thing: a constant message plus fields. */
export type Log = (message: string, fields?: Record<string, unknown>) => void;

/** JSON lines on standard error, one a message, as the agents' logs are. */
export const stderrLog: Log = (message, fields = {}) => {
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), name: "kubelet", msg: message, ...fields })}\n`,
  );
};

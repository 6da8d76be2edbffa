import { z } from "zod";

/** Shapes that several events share. Field names carry their unit; times are RFC 3339 in UTC with milliseconds. */

export const timeSchema = z.iso.datetime({ precision: 3 });
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
export const traceIdSchema = z.string().regex(/^[0-9a-f]{32}$/);
export const severitySchema = z.enum(["warning", "critical"]);
export const jsonObjectSchema = z.record(z.string(), z.json());

/** Why something did not work; `kind` says what may be done next (docs: style.md, Failures). */
export const failureSchema = z.strictObject({
  kind: z.enum(["retryable", "terminal", "conflict", "unknown"]),
  code: z.string().regex(/^[a-z][a-z0-9_]*$/),
  message: z.string().max(4096),
});

/** A place in source code. `file` is relative to a configured source root where one matches, else as the trace had it. */
export const locationSchema = z.strictObject({
  function: z.string().optional(),
  file: z.string().optional(),
  lineStart: z.number().int().min(1).optional(),
  lineEnd: z.number().int().min(1).optional(),
  /** For a missing log transition: the last statement that was seen and the one that should have followed. */
  lastSeen: z.string().optional(),
  expectedNext: z.string().optional(),
});
export type Location = z.infer<typeof locationSchema>;

/** One reason to believe a claim; `ref` points at what can be looked at again. */
export const evidenceSchema = z.strictObject({
  kind: z.enum(["span", "trace", "log", "metric", "change", "memory", "document", "source"]),
  /** `trace:<id>/span:<id>`, `log:<sha256>`, `change:<id>` and the like. */
  ref: z.string().min(1).max(512),
  says: z.string().max(2048),
});
export type Evidence = z.infer<typeof evidenceSchema>;

/** One possible root cause, as `omega diagnose` prints it too. */
export const candidateSchema = z.strictObject({
  rank: z.number().int().min(1),
  service: z.string().min(1),
  kind: z.enum(["code", "error", "latency", "cpu", "memory", "network", "disk", "dependency", "change"]),
  /** Calibrated probability that this is the cause, 0 to 1. */
  confidence: z.number().min(0).max(1),
  /** The failing call: operation of the span at fault. */
  operation: z.string().optional(),
  errorType: z.string().optional(),
  /** Version of the service that shows the fault, and a version of it that does not. */
  version: z.string().optional(),
  healthyVersion: z.string().optional(),
  location: locationSchema.optional(),
  change: z.strictObject({ id: z.string().min(1) }).optional(),
  evidence: z.array(evidenceSchema).max(32),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** One field that an action changes; `path` is a JSON Pointer (RFC 6901) in the named object. */
export const changeSchema = z.strictObject({
  object: z.string().min(1),
  path: z.string(),
  before: z.json().optional(),
  after: z.json().optional(),
});
export type Change = z.infer<typeof changeSchema>;

/** A field that is neither as an action left it nor as it found it; and who changed it, where the target system tells. */
export const driftSchema = z.strictObject({
  object: z.string().min(1),
  path: z.string(),
  /** As the action left it; absent: without the field. */
  expected: z.json().optional(),
  /** As it is now; absent: without the field. */
  found: z.json().optional(),
  changedBy: z.string().min(1).max(256).optional(),
  changedAt: timeSchema.optional(),
});
export type Drift = z.infer<typeof driftSchema>;

/** What an action works on, as policy, budgets and the undo order see it. */
export const targetSchema = z.strictObject({
  /** `kubernetes`, `ssh`, `webhook`. */
  system: z.enum(["kubernetes", "ssh", "webhook"]),
  namespace: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().min(1),
});
export type Target = z.infer<typeof targetSchema>;

/**
 * One effect that a panic is about. `waiting`: its turn comes; `running`: its execution has not ended; `undoing`: being taken back;
 * `gone`: what it changed does not exist any more; `failed`: taking it back did not work yet and is tried again.
 */
export const panicItemStates = [
  "waiting",
  "running",
  "undoing",
  "undone",
  "conflicted",
  "gone",
  "irreversible",
  "failed",
] as const;
export type PanicItemState = (typeof panicItemStates)[number];

export const panicItemSchema = z.strictObject({
  actionId: z.string().min(1),
  incidentId: z.string(),
  actionType: z.string().min(1),
  target: targetSchema,
  startedAt: timeSchema,
  state: z.enum(panicItemStates),
  says: z.string().max(512),
});

export const blastRadiusSchema = z.strictObject({
  /** What would feel it, in the words of the target system. */
  objects: z.array(z.string()).max(256),
  /** Instances (pods, hosts) that the action replaces or reconfigures. */
  instances: z.number().int().min(0),
  /** How many the workload has, where the action disturbs some of them. */
  ofInstances: z.number().int().min(0).optional(),
  /** How many are out of service at once, at most; absent: all of `instances`. A rolling update takes away fewer than it replaces. */
  unavailable: z.number().int().min(0).optional(),
  /** What `ofInstances` are instances of, such as `Deployment shop/payments`; absent: of the service that the incident is about. */
  workload: z.string().max(512).optional(),
  says: z.string().max(1024),
});

/** One repair that Surgeon found possible, planned and dry-run. */
export const optionSchema = z.strictObject({
  optionId: z.string().min(1),
  actionType: z.string().regex(/^[a-z0-9]+\.[a-z0-9-]+$/),
  params: jsonObjectSchema,
  target: targetSchema,
  /** The state before and all that undo needs; hashed as RFC 8785 canonical JSON. */
  plan: jsonObjectSchema,
  planHash: sha256Schema,
  changes: z.array(changeSchema).max(256),
  dryRun: z.enum(["proven", "simulated", "impossible"]),
  reversible: z.enum(["exact", "compensating", "none"]),
  risk: z.enum(["low", "medium", "high"]),
  blastRadius: blastRadiusSchema,
  /** Why this option, in order of weight. */
  reasons: z.array(z.string()).max(16),
  warnings: z.array(z.string()).max(16),
});
export type RepairOption = z.infer<typeof optionSchema>;

/**
 * How far Omega may go on its own with one action type on one service. `observe`: it only watches; `suggest`: it proposes and a person
 * carries it out by hand; `approve`: it runs what a person approved; `auto`: it runs alone what policy permits.
 */
export const autonomyLevels = ["observe", "suggest", "approve", "auto"] as const;
export const autonomyLevelSchema = z.enum(autonomyLevels);
export type AutonomyLevel = z.infer<typeof autonomyLevelSchema>;

/** A mistake in a policy file; line and column count from 1. */
export const policyMistakeSchema = z.strictObject({
  file: z.string().max(512),
  line: z.number().int().min(1),
  column: z.number().int().min(1),
  message: z.string().max(2048),
});
export type PolicyMistake = z.infer<typeof policyMistakeSchema>;

/** One Cedar policy as it was read: its `@id`, where it stood, and its text, annotations included. */
export const policyTextSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  file: z.string().max(512),
  line: z.number().int().min(1),
  text: z.string().max(16_384),
});
export type PolicyText = z.infer<typeof policyTextSchema>;

/** Who did it: a process's role, or a person signed in. */
export const actorSchema = z.strictObject({
  kind: z.enum(["policy", "person", "process"]),
  name: z.string().min(1).max(256),
});

/** A repair that worked, or did not, in an earlier incident. */
export const recalledFixSchema = z.strictObject({
  actionType: z.string().min(1),
  target: targetSchema,
  outcome: z.enum(["verified", "failed", "undone"]),
});

/** The similar incident that memory found, and what became of it. */
export const memoryMatchSchema = z.strictObject({
  incidentId: z.string().min(1),
  /** 0 to 1; 1 is the same signature in the same place. */
  similarity: z.number().min(0).max(1),
  /** What the similarity was made of; no `vector` where only the structure could be compared. */
  parts: z
    .strictObject({ structure: z.number().min(0).max(1), vector: z.number().min(0).max(1).optional() })
    .optional(),
  says: z.string().max(2048),
  rootCause: z.string().max(2048),
  /** What was at fault then, for comparison with the cause of now. */
  cause: z
    .strictObject({
      service: z.string().min(1),
      kind: candidateSchema.shape.kind.optional(),
      operation: z.string().optional(),
      errorType: z.string().optional(),
    })
    .optional(),
  location: locationSchema.optional(),
  fixes: z.array(recalledFixSchema).max(16),
  resolveMs: z.number().min(0).optional(),
  /** `quarantined`: nothing that was done then is known to have healed it, so it warns and never recommends. Absent: trusted. */
  standing: z.enum(["trusted", "quarantined"]).optional(),
});
export type MemoryMatch = z.infer<typeof memoryMatchSchema>;

/** One repair over all similar incidents. */
export const fixTallySchema = z.strictObject({
  actionType: z.string().min(1),
  target: targetSchema,
  tried: z.number().int().min(1),
  verified: z.number().int().min(0),
  failed: z.number().int().min(0),
  undone: z.number().int().min(0),
  /** Share of the tries that were verified. */
  successRate: z.number().min(0).max(1),
  /** It healed one similar incident and not another: memories contradict each other. */
  contradicted: z.boolean(),
  incidentIds: z.array(z.string().min(1)).max(16),
});
export type FixTally = z.infer<typeof fixTallySchema>;

/** A passage of the documentation, to be cited by file and heading. */
export const passageSchema = z.strictObject({
  /** The file, as the documentation's settings name it: relative to its root, or to the repository. */
  source: z.string().min(1).max(512),
  /** Headings from the title down, joined by ` > `; for OpenAPI the method and path. */
  heading: z.string().max(512),
  /** First line of the passage in the file. */
  line: z.number().int().min(1),
  /** The beginning of the passage, on one line. */
  says: z.string().max(512),
  similarity: z.number().min(0).max(1),
});
export type Passage = z.infer<typeof passageSchema>;

/** How recovery is judged, in the terms of Argo Rollouts' AnalysisTemplate. */
export const verificationTermsSchema = z.strictObject({
  intervalMs: z.number().int().min(100),
  /** Successful measurements that confirm recovery. */
  count: z.number().int().min(1),
  /** Failed measurements tolerated before the verdict is "failed". */
  failureLimit: z.number().int().min(0),
  /** Inconclusive measurements (too little traffic) tolerated before the verdict is "inconclusive". */
  inconclusiveLimit: z.number().int().min(0),
});
export type VerificationTerms = z.infer<typeof verificationTermsSchema>;

export const measurementSchema = z.strictObject({
  at: timeSchema,
  verdict: z.enum(["successful", "failed", "inconclusive"]),
  requests: z.number().int().min(0),
  failures: z.number().int().min(0),
  /** 95th percentile of the duration of these requests, where it was judged. */
  p95Ms: z.number().min(0).optional(),
});

/** What one or several questions to a model cost. */
export const modelUsageSchema = z.strictObject({
  inputTokens: z.number().int().min(0),
  outputTokens: z.number().int().min(0),
  /** True where the endpoint counted nothing and the tokens were estimated from the length of the text. */
  estimated: z.boolean(),
  /** By the prices of the config; absent where none are set. */
  costUsd: z.number().min(0).optional(),
});
export type ModelUsage = z.infer<typeof modelUsageSchema>;

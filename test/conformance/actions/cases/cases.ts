import type { ActionCase } from "../action-case.ts";
import { deploymentCases } from "./deployment.ts";
import { otherCases } from "./others.ts";

/** At least one of every Kubernetes action. */
export const cases: readonly ActionCase[] = [...deploymentCases, ...otherCases];

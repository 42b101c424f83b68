import { describe, expect, test } from "vitest";
import type { Clock } from "../platform/clock.ts";
import { createRandom } from "../platform/random.ts";
import { createMemoryDisk, createMemoryStorage } from "../storage/memory.fixture.ts";

import { configureGlobal } from "fast-check";

// Properties look at the same cases in every run: a failure then belongs to the change that brought it. `npm run soak` and
// PROPERTY_SEED look at others.
const seed = Number(process.env.PROPERTY_SEED ?? 20_251_121);
configureGlobal({ seed });

/** Comes before each test file of `npm run test:fibers`. */
import { directPath } from "../../src/internal/directPath.ts"

directPath.enabled = false

// Loaded into a process under test: leaves its peak memory in MiB in a file of its own when it ends.
import { writeFileSync } from 'node:fs'

process.on('exit', () =>
  writeFileSync(`${process.env.PEAK_MEMORY_DIR}/${process.pid}`, String(process.resourceUsage().maxRSS / 1024)),
)

import { isMainThread } from 'node:worker_threads'

// Loaded before a server that a command has started for itself (`--import`): standard input is a pipe that only the command holds, so
// its end means that the command is done, or dead. The server's threads load this too, and have no such pipe.
if (isMainThread) {
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume()
  ;(process.stdin as unknown as { unref(): void }).unref()
}

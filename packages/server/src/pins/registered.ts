export { type BackendRow, listBackends, registerBackends } from './store/backends.ts'

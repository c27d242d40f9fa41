/** Where these commands find the data; said at the end of each help. */
export const dataHelp = `
The data is that of DATA_DIR (./data when not set), or of DATABASE_URL: the same environment as the server's.`

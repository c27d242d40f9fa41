// Before the first paint: the colours somebody chose, where they chose any. Otherwise the system's.
try {
  const chosen = localStorage.getItem('keepsake-theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
} catch {
  // A browser that keeps nothing for us shows the system's.
}

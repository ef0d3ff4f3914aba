// Package dev runs an application on this machine while its author works on it: gatesock dev. It
// reads what the application consists of, builds its functions, runs them behind an emulated API
// Gateway and beside the other services that it needs, watches its files, and replaces what has
// changed while connections stay open.
package dev

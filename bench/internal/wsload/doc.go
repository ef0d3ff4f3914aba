// Package wsload has WebSocket clients that load a server: they echo on many connections, open and
// close one connection after another, or hold many open. They use little CPU time and check each
// answer. [Generate] is a role for package harness, so that the clients are a process of their own.
package wsload

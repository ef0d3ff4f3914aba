// Package authz says who may connect to a WebSocket API, and what they may do there.
package authz

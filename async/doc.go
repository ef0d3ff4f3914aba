// Package async runs the handlers of heavy routes in another invocation.
package async

// Package stack plans the deployment of an application: which functions it has, which route goes
// to which of them, what they need and may do, and what everything is called in a template. All
// formats of templates are texts of the same [Plan], and the doctor compares what is deployed with
// it.
//
// A Plan is deterministic. Names in it depend only on what they name, so that a route that is added
// renames no other.
package stack

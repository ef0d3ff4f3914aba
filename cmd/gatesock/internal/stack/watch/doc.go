// Package watch has the alarms and the dashboard of a stack as data: which metrics they show, at
// which thresholds, and what an operator does first. All formats of templates print the same
// [Watch].
//
// The metrics are those that AWS writes, and those of package observe if the program writes them.
// docs/gateway-facts.md, section 12, has their sources, and the alarms that AWS recommends.
package watch

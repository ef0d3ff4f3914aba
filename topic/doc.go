// Package topic gives subscribers every event in order, also those that they missed while they were
// not connected.
package topic

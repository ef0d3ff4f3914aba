// Package model has explicit-state models of event topics as tests: of the log on a table, and of
// subscribing and delivery. A search visits every state that any interleaving of the steps can lead
// to, breadth first, so that the story of a violation is a shortest one.
//
// The models are about the rules, not about the code. The code is held to them by package topictest
// and by the simulator.
package model

// Package sqsqueue has what the packages that use Amazon SQS queues share: the events of a queue
// and the response to them, and how a message is sent.
package sqsqueue

package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// keptProblems is how many problems the client remembers.
const keptProblems = 64

// Problem is something that went wrong and belongs to no call.
type Problem struct {
	// Code is one of section 12 of docs/protocol.md, such as "token", "refused" or "protocol", or one
	// of the server.
	Code string
	// Message is for people.
	Message string

	cause error
}

// Error returns the code, the message and the cause.
func (p *Problem) Error() string {
	text := "client: " + p.Code
	if p.Message != "" {
		text += ": " + p.Message
	}
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

// Unwrap returns the cause, such as the error of the function that fetches a token.
func (p *Problem) Unwrap() error { return p.cause }

// Problems returns the last 64 problems of the client and then those that follow. The iteration
// ends when ctx ends or the client is closed. If the loop that takes them is 64 problems behind, it
// misses the earliest ones. All problems are logged, too; see [WithLogger].
func (c *Client) Problems(ctx context.Context) iter.Seq[*Problem] {
	return func(yield func(*Problem) bool) {
		q := &queue[*Problem]{limit: keptProblems, drops: true}
		c.problems.join(q)
		defer c.problems.leave(q)
		for p, err := range q.all(ctx) {
			if err != nil || !yield(p) {
				return
			}
		}
	}
}

// notConnected is the error of a wait for a connection that its context has ended.
func notConnected(ctx context.Context, last error) error {
	return fmt.Errorf("client: waiting for a connection: %w", errors.Join(context.Cause(ctx), last))
}

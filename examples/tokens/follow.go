package main

import (
	"context"

	"github.com/gatesock/gatesock/client"
)

// Answer is what a reader has of an answer. Keep it whole: a page writes it to its sessionStorage
// after each chunk, and goes on with it when it is loaded again. The zero Answer has nothing yet.
type Answer struct {
	Text  string          `json:"text"`
	At    client.Position `json:"at"`
	Ended bool            `json:"ended"`
}

// follow reads an answer to its end, from where a is. It calls show after each chunk.
func follow(ctx context.Context, c *client.Client, id string, a *Answer, show func(Chunk)) error {
	if a.Ended {
		return nil
	}
	s := c.Subscribe("answer:"+id, client.WithSince(a.At)) //nolint:contextcheck // it ends with Close
	defer s.Close()
	for e, err := range s.Events(ctx) {
		if err != nil {
			return err // with a *client.LostError, the answer is not kept any more
		}
		var chunk Chunk
		if err := e.Decode(&chunk); err != nil {
			return err
		}
		if chunk.N == 0 {
			a.Text = ""
		}
		a.Text, a.At, a.Ended = a.Text+chunk.Text, e.Position, chunk.End
		show(chunk)
		if a.Ended {
			return nil
		}
	}
	return nil
}

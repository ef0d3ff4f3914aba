package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// Ask is a request. The client makes a new id for each, which nobody can guess: those that know it
// may read the answer.
type Ask struct {
	ID     string `json:"answer"`
	Prompt string `json:"prompt"`
}

// Chunk is an event in the topic of an answer. The one with N 0 begins it, also if there was a part
// of the answer before: then the model was asked again. The one with End ends it.
type Chunk struct {
	N      int    `json:"n"`
	Text   string `json:"text"`
	End    bool   `json:"end,omitempty"`
	Failed bool   `json:"failed,omitempty"`
}

// Model passes its answer on in tokens. It returns when it has ended, or when ctx has.
type Model func(ctx context.Context, prompt string, tokens chan<- string) error

const (
	every    = 100 * time.Millisecond // a chunk has the tokens of so long,
	maxBytes = 4 << 10                // or so many
)

// newApp returns an application whose model answers in topics.
func newApp(
	api gatesock.ConnectionsAPI, log topic.Log, queue async.Queue, model Model,
) (*gatesock.Router, *async.Jobs) {
	store := conn.NewMemory()
	jobs := async.New(queue, api, async.NewMemoryOutcomes())
	topics := topic.New(log, store, broadcast.New(api, store), topic.WithRetention(func(string) topic.Retention {
		return topic.Retention{Age: 24 * time.Hour, Count: -1} // an answer may have more than 1,000 chunks
	}))
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store))
	topics.Register(r, topic.AllowAnyone)
	gatesock.DeclarePush[Chunk](r, "chunk")
	async.Handle(r, jobs, "ask", func(ctx context.Context, _ *gatesock.Request, in Ask) error {
		return answer(ctx, topics, in, model)
	})
	return r, jobs
}

// answer publishes the answer of the model. If it returns an error, the job is done again, from
// chunk 0 on.
func answer(ctx context.Context, topics *topic.Topics, in Ask, model Model) error {
	var running sync.WaitGroup
	defer running.Wait() // Lambda freezes what still runs when the handler returns
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tokens, failed := make(chan string), error(nil)
	running.Go(func() {
		defer close(tokens)
		failed = model(ctx, in.Prompt, tokens)
	})
	tick := time.NewTicker(every)
	defer tick.Stop()
	var text strings.Builder
	for n := 0; ; n++ {
		more := collect(&text, tokens, tick.C)
		chunk := Chunk{N: n, Text: text.String(), End: !more, Failed: !more && failed != nil}
		at, _, err := topics.Publish(ctx, "answer:"+in.ID, "chunk", chunk)
		if at.IsZero() {
			return err // otherwise an error is about pushes, and clients make up for those
		}
		if !more {
			return async.Final(failed)
		}
		text.Reset()
	}
}

// collect waits for the text of the next chunk, and reports whether more may follow.
func collect(text *strings.Builder, tokens <-chan string, tick <-chan time.Time) (more bool) {
	for text.Len() < maxBytes {
		select {
		case token, more := <-tokens:
			if !more {
				return false
			}
			text.WriteString(token)
		case <-tick:
			if text.Len() > 0 {
				return true
			}
		}
	}
	return true
}

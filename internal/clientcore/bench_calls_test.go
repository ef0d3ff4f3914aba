package clientcore

import (
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkCall is a call and its answer.
func BenchmarkCall(b *testing.B) {
	now := time.Unix(1e9, 0)
	c := New(Config{Random: rand.New(rand.NewPCG(1, 2))})
	c.Start(now)
	c.Connected(now, 1)
	input := []byte(`{"text":"hello"}`)
	b.ReportAllocs()
	for b.Loop() {
		c.Call(now, Call{Action: "say", Input: input})
		for a, ok := c.Next(); ok; a, ok = c.Next() {
			if a.Kind == Send {
				id := string(a.Frame[len(`{"action":"say","id":`) : len(a.Frame)-len(`,"text":"hello"}`)])
				c.Received(now, a.Conn, []byte(`{"id":`+id+`,"action":"say","data":{"at":7}}`))
			}
		}
		if c.Calls() > 0 {
			b.Fatal("the call is not settled")
		}
	}
}

// BenchmarkPushOfNoTopic is a push that is passed to the user.
func BenchmarkPushOfNoTopic(b *testing.B) {
	now := time.Unix(1e9, 0)
	c := New(Config{Random: rand.New(rand.NewPCG(1, 2))})
	c.Start(now)
	c.Connected(now, 1)
	frame := []byte(`{"event":"message","data":{"text":"hello"}}`)
	b.ReportAllocs()
	for b.Loop() {
		c.Received(now, 1, frame)
		for ok := true; ok; {
			_, ok = c.Next()
		}
	}
}

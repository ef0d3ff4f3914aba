package clientcore

import (
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkPush is a push that is next.
func BenchmarkPush(b *testing.B) {
	now := time.Unix(1e9, 0)
	c := New(Config{Random: rand.New(rand.NewPCG(1, 2))})
	c.Start(now)
	c.Connected(now, 1)
	c.Subscribe(now, "a", Options{})
	c.Received(now, 1, []byte(`{"id":"t:1","data":`+result("1-x", 1, 0)+`}`))
	frame := []byte(`{"event":"said","topic":"a","epoch":"1-x","offset":1000000000,"data":{"text":"hello"}}`)
	b.ReportAllocs()
	for b.Loop() {
		c.byName["a"].position.Offset = 999_999_999
		c.Received(now, 1, frame)
		for ok := true; ok; {
			_, ok = c.Next()
		}
	}
}

// BenchmarkReconnect is a whole reconnection, with an answer of three events.
func BenchmarkReconnect(b *testing.B) {
	now := time.Unix(1e9, 0)
	c := New(Config{Random: rand.New(rand.NewPCG(1, 2))})
	c.Start(now)
	c.Subscribe(now, "a", Options{})
	b.ReportAllocs()
	for b.Loop() {
		for a, ok := c.Next(); ok; a, ok = c.Next() {
			switch a.Kind {
			case Dial:
				c.Connected(now, a.Conn)
			case Send:
				id := idOf(c.lastRequest)
				c.Received(now, a.Conn, []byte(`{"id":"`+id+`","data":`+result("1-x", 1, 3)+`}`))
				c.Disconnected(now, a.Conn)
			default:
			}
		}
		now = now.Add(time.Second)
		c.Tick(now)
	}
}

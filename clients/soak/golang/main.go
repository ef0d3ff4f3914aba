// Command golang is the clients in Go of the soak of clients/soak: golang URL NAME CLIENTS TOPICS.
// It takes commands, one line of JSON each, and answers each with a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/client"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: golang URL NAME CLIENTS TOPICS")
	}
	clients, err1 := strconv.Atoi(os.Args[3])
	topics, err2 := strconv.Atoi(os.Args[4])
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	s := &soak{url: os.Args[1] + "/local", name: os.Args[2], topics: topics, stop: make(chan struct{})}
	s.report.Clients = clients
	s.report.Codes = make(map[string]int)
	s.changed = sync.NewCond(&s.mu)
	if err := s.serve(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// report is the result.
type report struct {
	Clients  int            `json:"clients"`
	Events   int            `json:"events"`
	Lost     int            `json:"lost"`
	Doubled  int            `json:"doubled"`
	Told     int            `json:"told"`
	Calls    int            `json:"calls"`
	Answered int            `json:"answered"`
	Wrong    int            `json:"wrong"`
	Codes    map[string]int `json:"codes"`
}

type soak struct {
	url, name string
	topics    int
	stop      chan struct{} // closed when no more calls are made
	calls     sync.WaitGroup
	open      []*client.Client

	mu      sync.Mutex
	changed *sync.Cond
	report  report
	at      []*position
}

// position is how far a client is in a topic.
type position struct{ topic, n int }

// serve carries out the commands of standard input.
func (s *soak) serve(ctx context.Context) error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var command struct {
			Do   string `json:"do"`
			Last []int  `json:"last"`
		}
		if err := json.Unmarshal(in.Bytes(), &command); err != nil {
			return err
		}
		var answer any = struct{}{}
		switch command.Do {
		case "start":
			if err := s.start(ctx); err != nil {
				return err
			}
		case "memory":
			answer = memory()
		case "stop":
			close(s.stop)
			s.calls.Wait()
		case "end":
			answer = s.end(command.Last)
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

// start connects all clients and subscribes them to their topics.
func (s *soak) start(ctx context.Context) error {
	for i := range s.report.Clients {
		c, err := client.Connect(ctx, s.url)
		if err != nil {
			return err
		}
		s.open = append(s.open, c)
		for _, topic := range []int{i % s.topics, (i + 7) % s.topics} {
			sub := c.Subscribe("t" + strconv.Itoa(topic)) //nolint:contextcheck // it ends with Close
			begin, err := sub.Established(ctx)
			if err != nil {
				return err
			}
			p := &position{topic: topic, n: int(begin.Offset)}
			s.at = append(s.at, p)
			go s.listen(ctx, sub, p)
		}
		s.calls.Go(func() { s.call(ctx, c, i) })
	}
	return nil
}

// listen checks the events of a topic.
func (s *soak) listen(ctx context.Context, sub *client.Subscription, p *position) {
	for e, err := range sub.Events(ctx) {
		s.mu.Lock()
		n, isNumber := number(e.Data)
		switch {
		case errors.Is(err, client.ErrClosed):
		case err != nil:
			s.report.Told++
		case !isNumber:
			s.report.Lost++
		default:
			s.report.Events++
			if n <= p.n {
				s.report.Doubled++
			} else {
				s.report.Lost += n - p.n - 1
				p.n = n
			}
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

// number returns the number that the data of an event are.
func number(data json.RawMessage) (n int, ok bool) {
	var text string
	if json.Unmarshal(data, &text) != nil {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// call calls now and then, until the end: with a key, and without.
func (s *soak) call(ctx context.Context, c *client.Client, i int) {
	for k := 0; ; k++ {
		select {
		case <-s.stop:
			return
		case <-time.After(4*time.Second + rand.N(12*time.Second)):
		}
		var opts []client.CallOption
		if k%2 == 1 {
			opts = append(opts, client.WithRandomKey())
		}
		s.mu.Lock()
		s.report.Calls++
		s.mu.Unlock()
		times, err := client.Call[int](ctx, c, "do", map[string]string{"text": fmt.Sprint(s.name, " ", i, " ", k)}, opts...)
		s.mu.Lock()
		switch {
		case errors.Is(err, client.ErrUnknownOutcome):
			s.report.Codes["unknown_outcome"]++
		case err != nil:
			s.report.Codes[err.Error()]++
		default:
			s.report.Answered++
			if times != 1 {
				s.report.Wrong++
			}
		}
		s.mu.Unlock()
	}
}

// end waits until every client has the last event of each of its topics.
func (s *soak) end(last []int) report {
	s.mu.Lock()
	for _, p := range s.at {
		for p.n < last[p.topic] {
			s.changed.Wait()
		}
	}
	r := s.report
	s.mu.Unlock()
	for _, c := range s.open {
		_ = c.Close()
	}
	return r
}

// memory returns what the process uses, in bytes.
func memory() map[string]uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var rss uint64
	status, _ := os.ReadFile("/proc/self/status")
	if _, after, ok := strings.Cut(string(status), "VmRSS:"); ok {
		_, _ = fmt.Sscan(after, &rss)
	}
	return map[string]uint64{"heap": m.HeapAlloc, "rss": rss * 1024}
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
)

// The kinds of client.
const (
	kindDirect  = "direct"
	kindNetHTTP = "nethttp"
)

// order is what a client process is started with.
type order struct {
	Kind     string `json:"kind"`
	Endpoint string `json:"endpoint"`
	Roots    string `json:"roots"` // in PEM
	Payload  int    `json:"payload"`
	Load     load   `json:"load"`
}

// outcome is what a client's posts took, without its warm-up.
type outcome struct {
	CPU time.Duration `json:"cpuNanoseconds"` // in the system too
	// Latencies are from when each post was due to its answer.
	Latencies []time.Duration `json:"latenciesNanoseconds"`
}

// post is a client process.
func post(ctx context.Context, argument string, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(argument), &o); err != nil {
		return err
	}
	c, err := newClient(o)
	if err != nil {
		return err
	}
	send := c.Prepare(make([]byte, o.Payload), 0)
	w := startWorkers(o.Load.AtOnce, func(i int) error {
		return send(ctx, gatesock.Target{ConnectionID: "connection-" + strconv.Itoa(i)})
	})
	defer w.close()
	if _, err := w.run(load{AtOnce: o.Load.AtOnce, Messages: warmups, Interval: 50 * time.Millisecond}); err != nil {
		return err
	}
	before, err := cpuTime()
	if err != nil {
		return err
	}
	latencies, failed := w.run(o.Load)
	after, err := cpuTime()
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(outcome{CPU: after - before, Latencies: latencies})
}

// warmups is how many messages a client sends before those that count.
const warmups = 3

func newClient(o order) (*apigw.Client, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(o.Roots)) {
		return nil, errors.New("the order has no certificate")
	}
	cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	opts := []apigw.Option{apigw.WithRegion("eu-west-1"), apigw.WithConcurrency(o.Load.AtOnce)}
	switch o.Kind {
	case kindDirect:
		opts = append(opts, apigw.WithTLSConfig(cfg))
	case kindNetHTTP:
		opts = append(opts, apigw.WithTransport(&http.Transport{
			TLSClientConfig:     cfg,
			MaxConnsPerHost:     o.Load.AtOnce,
			MaxIdleConnsPerHost: o.Load.AtOnce,
			WriteBufferSize:     16 << 10,
		}))
	default:
		return nil, fmt.Errorf("unknown kind of client %q", o.Kind)
	}
	return apigw.New(testCredentials(), o.Endpoint, opts...)
}

// testCredentials are worth nothing. The token is as long as Lambda's.
func testCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", strings.Repeat("t", 700))
}

// workers post side by side.
type workers struct {
	due     chan time.Time
	results chan result
	all     sync.WaitGroup
}

type result struct {
	latency time.Duration
	err     error
}

func startWorkers(n int, send func(i int) error) *workers {
	w := &workers{due: make(chan time.Time, n), results: make(chan result, n)}
	for i := range n {
		w.all.Go(func() {
			for due := range w.due {
				err := send(i)
				w.results <- result{time.Since(due), err}
			}
		})
	}
	return w
}

// run does what a load asks for, and returns what each post took.
func (w *workers) run(l load) ([]time.Duration, error) {
	var failed error
	latencies := make([]time.Duration, 0, l.posts())
	collect := func() {
		r := <-w.results
		latencies = append(latencies, r.latency)
		failed = errors.Join(failed, r.err)
	}
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for m := range l.Messages {
		due := start.Add(time.Duration(m) * l.Interval)
		if l.Interval > 0 {
			timer.Reset(time.Until(due))
			<-timer.C
		}
		for range l.AtOnce {
			if m > 0 {
				collect() // of the message before
			}
			if l.Interval == 0 {
				due = time.Now()
			}
			w.due <- due
		}
	}
	for range l.AtOnce {
		collect()
	}
	return latencies, failed
}

func (w *workers) close() {
	close(w.due)
	w.all.Wait()
}

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/bench/internal/certificate"
)

// report has the outcomes of all rounds: by load, by client.
type report struct {
	settings settings
	samples  map[string]map[string][]outcome
}

// measure takes all measurements, one after the other. Clients take turns at being first.
func measure(ctx context.Context, s settings) (r *report, err error) {
	g, err := newGroup(s.share, s.period)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	r = &report{settings: s, samples: map[string]map[string][]outcome{}}
	for _, name := range s.loads {
		r.samples[name] = map[string][]outcome{}
	}
	for round := range s.rounds {
		for _, name := range s.loads {
			l, err := s.load(name)
			if err != nil {
				return nil, err
			}
			for i := range s.clients {
				c := s.clients[(round+i)%len(s.clients)]
				o, err := sample(ctx, g, c, l, s.payload)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", c.name, name, err)
				}
				r.samples[name][c.name] = append(r.samples[name][c.name], o)
			}
		}
	}
	return r, nil
}

// sample measures one client against a fresh server.
func sample(ctx context.Context, g *group, c client, l load, payload int) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	srv, err := startGateway()
	if err != nil {
		return outcome{}, err
	}
	defer srv.Close()
	argument, err := json.Marshal(order{
		Kind: c.kind, Endpoint: srv.URL + "/prod", Roots: srv.roots, Payload: payload, Load: l,
	})
	if err != nil {
		return outcome{}, err
	}
	words := g.command(c.binary, roleClient, string(argument))
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the user named it
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return outcome{}, err
	}
	var got outcome
	if err := json.Unmarshal(answer, &got); err != nil {
		return outcome{}, err
	}
	if want := int64(l.posts() + warmups*l.AtOnce); srv.posts.Load() != want {
		return outcome{}, fmt.Errorf("%d posts arrived, want %d", srv.posts.Load(), want)
	}
	return got, nil
}

// gateway stands for API Gateway.
type gateway struct {
	*httptest.Server

	roots string
	posts atomic.Int64 // that arrived
}

// startGateway starts a server that answers a signed post after 5 to 20 ms.
func startGateway() (*gateway, error) {
	own, roots, err := certificate.New()
	if err != nil {
		return nil, err
	}
	g := &gateway{roots: string(roots)}
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(g.answer))
	g.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	g.StartTLS()
	return g, nil
}

func (g *gateway) answer(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	delay := time.NewTimer(5*time.Millisecond + rand.N(15*time.Millisecond)) //nolint:gosec // not a secret
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-r.Context().Done():
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	g.posts.Add(1)
}

// environment describes where the figures come from.
func environment() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

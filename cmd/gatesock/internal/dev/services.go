package dev

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
)

// services finds what answers the requests of functions: APIs by their hosts, functions by their
// ids and names, and the services of AWS. It is safe for concurrent use.
type services struct {
	late     func(u *unit, instance, what string) // a request that left after a reply
	requests *requests

	mu    sync.RWMutex
	hosts map[string]http.Handler
	units map[string]*unit // by id
	names map[string]*unit // by name
	cloud *cloud.Cloud
}

// setUnits replaces the functions.
func (s *services) setUnits(units map[string]*unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units, s.names = map[string]*unit{}, map[string]*unit{}
	for id, u := range units {
		s.units[id] = u
		s.names[u.fn.Load().Name] = u
	}
}

// setHosts replaces the APIs.
func (s *services) setHosts(hosts map[string]http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = hosts
}

// setCloud replaces the services of AWS, and returns those before.
func (s *services) setCloud(c *cloud.Cloud) *cloud.Cloud {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.cloud
	s.cloud = c
	return before
}

// current returns the services of AWS, or nil.
func (s *services) current() *cloud.Cloud {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cloud
}

// invoke invokes a function for a service of AWS.
func (s *services) invoke(ctx context.Context, id string, payload []byte) ([]byte, error) {
	s.mu.RLock()
	u := s.units[id]
	s.mu.RUnlock()
	if u == nil {
		return nil, fmt.Errorf("there is no function %s", id)
	}
	return u.invoke(ctx, "", "", payload)
}

// handlerOf returns what answers for a host, or nil.
func (s *services) handlerOf(host string) http.Handler {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if h, ok := s.hosts[host]; ok {
		return s.noticing(h)
	}
	if s.cloud == nil {
		return nil
	}
	service, _, _ := strings.Cut(host, ".")
	for _, name := range s.cloud.Services() {
		// A queue's address may be that of its Region, as in us-east-1.queue.amazonaws.com.
		if name == service || strings.HasSuffix(host, ".queue.amazonaws.com") || name == "dynamodb" && service == "streams" {
			return s.cloud
		}
	}
	return nil
}

// noticing returns a handler that reports calls of @connections that leave after a reply, and that
// says which request of a gateway calls come from.
func (s *services) noticing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, instance := s.caller(r.Context()); u != nil && strings.Contains(r.URL.Path, "/@connections/") {
			if a, ok := u.proc.Activity(instance); ok {
				if a.Late {
					s.late(u, a.RequestID, map[string]string{http.MethodPost: "a post"}[r.Method])
				}
				r = r.WithContext(s.requests.within(r.Context(), a.RequestID))
			}
		}
		h.ServeHTTP(w, r)
	})
}

// caller returns the function that a request comes from, and its instance.
func (s *services) caller(ctx context.Context) (u *unit, instance string) {
	instance = intercept.Caller(ctx)
	dot := strings.LastIndexByte(instance, '.')
	if dot < 0 {
		return nil, ""
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names[instance[:dot]], instance
}

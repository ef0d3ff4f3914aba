package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
)

// reach is the way to the connections of an API.
type reach struct {
	endpoint, region, profile string

	accessKey string
	api       *apigw.Client // nil until open
}

// open makes the client of the API.
func (r *reach) open(ctx context.Context) error {
	if r.endpoint == "" {
		return misuse{errors.New("no endpoint of the API: use --endpoint, or set GATESOCK_ENDPOINT")}
	}
	if u, err := url.Parse(r.endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return misuse{fmt.Errorf(
			"--endpoint: %q is not a URL like https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod", r.endpoint,
		)}
	}
	var keys aws.CredentialsProvider
	var opts []apigw.Option
	if !loopback(r.endpoint) { // an emulator needs neither
		cfg, err := loadConfig(ctx, r.region, r.profile, false)
		if err != nil {
			return err
		}
		key, err := retrieve(ctx, cfg)
		if err != nil {
			return err
		}
		keys, r.accessKey = cfg.Credentials, key.AccessKeyID
		opts = append(opts, apigw.WithRegion(cfg.Region))
	}
	api, err := apigw.New(keys, r.endpoint, opts...)
	if err != nil {
		return misuse{fmt.Errorf("--endpoint: %w", bare(err, "apigw"))}
	}
	r.api = api
	return nil
}

// loopback reports whether a URL is one of this machine.
func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	name := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// plain adds to an error of the API what the user of a command can do about it.
func (r *reach) plain(err error) error {
	at := "the API at " + r.endpoint
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, gatesock.ErrForbidden) && r.accessKey == "":
		return fmt.Errorf("%s refuses: check --endpoint and its stage: %w", at, bare(err, "apigw"))
	case errors.Is(err, gatesock.ErrForbidden):
		return fmt.Errorf("%s refuses the access key %s: check --endpoint and its stage, --profile, and the right "+
			"execute-api:ManageConnections: %w", at, abridged(r.accessKey), bare(err, "apigw"))
	case errors.Is(err, gatesock.ErrNotSent):
		return fmt.Errorf("can't reach %s: check --endpoint and the network: %w", at, bare(err, "apigw"))
	default:
		return bare(err, "apigw")
	}
}

// notOpen reports whether API Gateway answers that there is no such connection: it may be gone, or
// its id is none.
func notOpen(err error) bool {
	return errors.Is(err, gatesock.ErrGone) || errors.Is(err, gatesock.ErrBadConnectionID)
}

// asked is how many connections a command asks about at the same time.
const asked = 32

// ask sets the states of connections to what API Gateway says of them. The error is that of the
// first one of which it does not say anything.
func (o *operator) ask(ctx context.Context, all []shownConnection) error {
	var mu sync.Mutex
	var first error
	places := make(chan struct{}, asked)
	var wg sync.WaitGroup
	for i := range all {
		if all[i].State == expired {
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			_, err := o.reach.api.Info(ctx, gatesock.Target{ConnectionID: all[i].ID, Endpoint: all[i].Endpoint})
			switch {
			case err == nil:
				all[i].State = isOpen
			case notOpen(err):
				all[i].State = isGone
			default:
				all[i].State = isUnknown
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	wg.Wait()
	return o.reach.plain(first)
}

// located is the API for connections that may be at an endpoint of their own, which only their
// records name.
type located struct {
	api       gatesock.ConnectionsAPI
	endpoints map[string]string
}

// locate returns the API for single connections.
func (o *operator) locate(ctx context.Context, ids []string) (gatesock.ConnectionsAPI, error) {
	records, err := o.store.GetMany(ctx, ids)
	if err != nil {
		return nil, bare(err, "dynamo")
	}
	l := located{api: o.reach.api, endpoints: make(map[string]string, len(records))}
	for _, r := range records {
		l.endpoints[r.ID] = r.Endpoint
	}
	return l, nil
}

func (l located) at(t gatesock.Target) gatesock.Target {
	if t.Endpoint == "" {
		t.Endpoint = l.endpoints[t.ConnectionID]
	}
	return t
}

// Post implements gatesock.Poster.
func (l located) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return l.api.Post(ctx, l.at(to), data)
}

// Disconnect implements gatesock.Disconnector.
func (l located) Disconnect(ctx context.Context, from gatesock.Target) error {
	return l.api.Disconnect(ctx, l.at(from))
}

// Info implements gatesock.ConnectionsAPI.
func (l located) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	return l.api.Info(ctx, l.at(of))
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
)

// openNetHTTP posts over a transport with the settings of sdk-tuned.
func openNetHTTP(o clientOrder, m *members) (fanout, error) {
	cfg, err := clientTLS(o)
	if err != nil {
		return nil, err
	}
	client, err := newClient(o, apigw.WithTransport(&http.Transport{
		TLSClientConfig:     cfg,
		MaxConnsPerHost:     o.Concurrency,
		MaxIdleConnsPerHost: o.Concurrency,
		WriteBufferSize:     16 << 10,
		ForceAttemptHTTP2:   true,
	}))
	if err != nil {
		return nil, err
	}
	return prepared(client, o, m), nil
}

func openPost(o clientOrder, m *members) (fanout, error) {
	client, err := newDefaultClient(o)
	if err != nil {
		return nil, err
	}
	return prepared(client, o, m), nil
}

func openBroadcaster(o clientOrder, m *members) (fanout, error) {
	client, err := newDefaultClient(o)
	if err != nil {
		return nil, err
	}
	b := broadcast.New(client, m.store, broadcast.WithConcurrency(o.Concurrency))
	return func(ctx context.Context, group string) error {
		p, err := push(group, o.Payload)
		if err != nil {
			return err
		}
		rep, err := b.Send(ctx, broadcast.To(group), p)
		if err == nil && rep.Delivered != len(m.ids[group]) {
			err = fmt.Errorf("%d members, but %+v", len(m.ids[group]), rep)
		}
		return err
	}, nil
}

func newDefaultClient(o clientOrder) (*apigw.Client, error) {
	cfg, err := clientTLS(o)
	if err != nil {
		return nil, err
	}
	return newClient(o, apigw.WithTLSConfig(cfg))
}

func newClient(o clientOrder, opts ...apigw.Option) (*apigw.Client, error) {
	return apigw.New(testCredentials(), o.Endpoint,
		append(opts, apigw.WithRegion(region), apigw.WithConcurrency(o.Concurrency))...)
}

func clientTLS(o clientOrder) (*tls.Config, error) {
	roots, err := parseRoots(o.Roots)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// prepared posts with workers.
func prepared(client *apigw.Client, o clientOrder, m *members) fanout {
	return func(ctx context.Context, group string) error {
		data, err := message(group, o.Payload)
		if err != nil {
			return err
		}
		post := client.Prepare(data, 0)
		return byWorkers(m.ids[group], o.Concurrency, func(id string) error {
			return post(ctx, gatesock.Target{ConnectionID: id})
		})
	}
}

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// peer is a way to post.
type peer struct {
	name, about string
	// target is the wanted ratio to the SDK's defaults; 0 means none.
	target float64
	open   func(clientOrder, *members) (fanout, error)
}

// fanout posts a message to each member of a group.
type fanout func(ctx context.Context, group string) error

// baseline is the peer that the targets are relative to.
const baseline = "sdk-defaults"

func peers() []peer {
	return []peer{
		{
			baseline,
			"the SDK's client with a pool of 10 connections, a goroutine for each post, a semaphore",
			0,
			openSDKDefaults,
		},
		{"sdk-tuned", "the same with a pool as large as the concurrency", 0, openSDKTuned},
		{"fasthttp", "the SDK's signer, the payload hashed once, fasthttp.HostClient, workers", 0, openFastHTTP},
		{
			"nethttp",
			"apigw.Client over the user's own http.Transport (WithTransport), Prepare, workers",
			0,
			openNetHTTP,
		},
		{"gatesock-post", "apigw.Client as New makes it, Prepare, workers", 6, openPost},
		{"gatesock", "the same in a Broadcaster, which reads the members from a store", 6, openBroadcaster},
	}
}

func peerNames() []string {
	var names []string
	for _, p := range peers() {
		names = append(names, p.name)
	}
	return names
}

func findPeer(name string) (peer, error) {
	for _, p := range peers() {
		if p.name == name {
			return p, nil
		}
	}
	return peer{}, fmt.Errorf("unknown peer %q: want one of %s", name, strings.Join(peerNames(), ", "))
}

// firstError keeps the first of several goroutines' errors.
type firstError struct {
	once sync.Once
	err  error
}

func (f *firstError) set(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
	}
}

// eachInGoroutine posts the common way: a goroutine for each post, and a semaphore as the limit.
func eachInGoroutine(ids []string, concurrency int, post func(id string) error) error {
	var first firstError
	var all sync.WaitGroup
	semaphore := make(chan struct{}, concurrency)
	for _, id := range ids {
		semaphore <- struct{}{}
		all.Go(func() {
			first.set(post(id))
			<-semaphore
		})
	}
	all.Wait()
	return first.err
}

// byWorkers posts with a fixed number of goroutines.
func byWorkers(ids []string, concurrency int, post func(id string) error) error {
	var first firstError
	var all sync.WaitGroup
	queue := make(chan string)
	for range concurrency {
		all.Go(func() {
			for id := range queue {
				first.set(post(id))
			}
		})
	}
	for _, id := range ids {
		queue <- id
	}
	close(queue)
	all.Wait()
	return first.err
}

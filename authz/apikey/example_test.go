package apikey_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
)

// A device connects with an API key in a header.
func Example() {
	ctx := context.Background()
	keys := apikey.New(apikey.NewMemory())
	key, secret, err := keys.Create(ctx, apikey.Key{
		Name: "sensor 7", Owner: "plant-1", Scopes: []string{"readings:write"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	who := authz.Bearer(keys, authz.Header("X-Api-Key"))
	p, err := who.Authenticate(ctx, &authz.Handshake{Header: http.Header{"X-Api-Key": {secret}}})
	fmt.Println(p.ID, p.Scopes, err)
	fmt.Println(p.Attributes[authz.APIKeyAttribute] == key.ID)
	_, err = who.Authenticate(ctx, &authz.Handshake{Header: http.Header{}})
	fmt.Println(err)
	// Output:
	// plant-1 [readings:write] <nil>
	// true
	// authz: not authenticated: no credential
}

// state describes whether a secret is accepted.
func state(keys *apikey.Manager, secret string) string {
	if _, err := keys.Verify(context.Background(), secret); err != nil {
		return "refused"
	}
	return "accepted"
}

// Both secrets are valid for the overlap, in which the devices get the new one.
func ExampleManager_Rotate() {
	ctx := context.Background()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	keys := apikey.New(apikey.NewMemory(), apikey.WithClock(func() time.Time { return now }))
	key, first, err := keys.Create(ctx, apikey.Key{Owner: "plant-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, second, err := keys.Rotate(ctx, key.ID, 24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("first", state(keys, first), "second", state(keys, second))
	now = now.Add(24 * time.Hour)
	fmt.Println("first", state(keys, first), "second", state(keys, second))
	// Output:
	// first accepted second accepted
	// first refused second accepted
}

// An overlap of 0 is for a secret that has leaked.
func ExampleManager_Rotate_leakedSecret() {
	ctx := context.Background()
	keys := apikey.New(apikey.NewMemory())
	key, leaked, err := keys.Create(ctx, apikey.Key{Owner: "plant-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, fresh, err := keys.Rotate(ctx, key.ID, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("leaked", state(keys, leaked), "fresh", state(keys, fresh))
	// Output: leaked refused fresh accepted
}

func ExampleManager_Disable() {
	ctx := context.Background()
	keys := apikey.New(apikey.NewMemory())
	key, secret, err := keys.Create(ctx, apikey.Key{Owner: "plant-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := keys.Disable(ctx, key.ID); err != nil {
		fmt.Println(err)
	}
	fmt.Println(state(keys, secret))
	if _, err := keys.Enable(ctx, key.ID); err != nil {
		fmt.Println(err)
	}
	fmt.Println(state(keys, secret))
	// Output:
	// refused
	// accepted
}

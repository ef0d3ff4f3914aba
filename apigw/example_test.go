package apigw_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
)

// serve starts a server that stands for API Gateway on this machine.
func serve(handler http.HandlerFunc) (endpoint string, end func()) {
	server := httptest.NewServer(handler)
	return server.URL + "/dev", server.Close
}

// Posting to a connection that has closed fails with ErrGone. That is the time to forget it.
func Example() {
	endpoint, end := serve(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/bob=") { // has closed
			w.WriteHeader(http.StatusGone)
		}
	})
	defer end()

	// In Lambda, with apigw.EnvironmentCredentials() and the endpoint of the API.
	client, err := apigw.New(nil, endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	for _, id := range []string{"ann=", "bob="} {
		err := client.Post(context.Background(), gatesock.Target{ConnectionID: id}, []byte("hello"))
		switch {
		case errors.Is(err, gatesock.ErrGone):
			fmt.Println(id, "is gone")
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(id, "has the message")
		}
	}
	// Output:
	// ann= has the message
	// bob= is gone
}

func ExampleClient_Prepare_sendOneMessageToMany() {
	endpoint, end := serve(func(_ http.ResponseWriter, r *http.Request) {
		message, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL.Path, string(message))
	})
	defer end()
	client, err := apigw.New(nil, endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	post := client.Prepare([]byte("hello"), 0) // hashed once
	for _, id := range []string{"R0oXAdfD0kwCH6w=", "W9In0cvXIAMCFvw="} {
		if err := post(context.Background(), gatesock.Target{ConnectionID: id}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// /dev/@connections/R0oXAdfD0kwCH6w= hello
	// /dev/@connections/W9In0cvXIAMCFvw= hello
}

func ExampleClient_Info_findIdleConnections() {
	endpoint, end := serve(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"connectedAt":"2026-11-24T09:00:00Z","lastActiveAt":"2026-11-24T09:05:00Z",
			"identity":{"sourceIp":"192.0.2.1","userAgent":"Mozilla/5.0"}}`)
	})
	defer end()
	client, err := apigw.New(nil, endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	info, err := client.Info(context.Background(), gatesock.Target{ConnectionID: "R0oXAdfD0kwCH6w="})
	fmt.Println(info.Identity.SourceIP, "was active until", info.LastActiveAt.Format(time.TimeOnly), err)
	// Output: 192.0.2.1 was active until 09:05:00 <nil>
}

func ExampleClient_Disconnect() {
	open := map[string]bool{"R0oXAdfD0kwCH6w=": true}
	endpoint, end := serve(func(w http.ResponseWriter, r *http.Request) {
		_, id, _ := strings.Cut(r.URL.Path, "/@connections/")
		if r.Method != http.MethodDelete || !open[id] {
			w.WriteHeader(http.StatusGone)
			return
		}
		delete(open, id)
		w.WriteHeader(http.StatusNoContent)
	})
	defer end()
	client, err := apigw.New(nil, endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	to := gatesock.Target{ConnectionID: "R0oXAdfD0kwCH6w="}
	fmt.Println(client.Disconnect(context.Background(), to))
	fmt.Println(errors.Is(client.Disconnect(context.Background(), to), gatesock.ErrGone))
	// Output:
	// <nil>
	// true
}

// The URL of a custom domain does not name the region that requests are signed for.
func ExampleNew_customDomain() {
	_, err := apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com/chat")
	fmt.Println(err)
	_, err = apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com/chat", apigw.WithRegion("eu-west-1"))
	fmt.Println(err)
	// Output:
	// apigw: endpoint "https://ws.example.com/chat" does not name a region; use WithRegion
	// <nil>
}

// To post to an API of another account, assume a role there. The cache keeps the role's credentials
// until they expire.
func ExampleNew_assumedRole() {
	// Stands for stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg),
	// "arn:aws:iam::111122223333:role/Poster").
	role := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		fmt.Println("the role is assumed")
		return aws.Credentials{
			AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token",
			CanExpire: true, Expires: time.Now().Add(time.Hour),
		}, nil
	})
	endpoint, end := serve(func(_ http.ResponseWriter, r *http.Request) {
		credential, _, _ := strings.Cut(r.Header.Get("Authorization"), "/")
		fmt.Println(credential, r.Header.Get("X-Amz-Security-Token"))
	})
	defer end()
	client, err := apigw.New(aws.NewCredentialsCache(role), endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	for range 2 {
		if err := client.Post(context.Background(), gatesock.Target{ConnectionID: "ann="}, []byte("hello")); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// the role is assumed
	// AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE token
	// AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE token
}

func ExampleWithTimeout() {
	answer := make(chan struct{})
	endpoint, end := serve(func(http.ResponseWriter, *http.Request) { <-answer })
	defer end()
	defer close(answer)
	client, err := apigw.New(nil, endpoint, apigw.WithTimeout(20*time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	err = client.Post(context.Background(), gatesock.Target{ConnectionID: "ann="}, []byte("hello"))
	fmt.Println("timeout:", errors.Is(err, apigw.ErrTimeout))
	// Output:
	// timeout: true
}

// One function may serve several APIs. Each connection is reached through the one that it came
// from.
func ExampleEndpointFor() {
	own := &gatesock.Request{DomainName: "abc123.execute-api.eu-west-1.amazonaws.com", Stage: "prod"}
	custom := &gatesock.Request{DomainName: "ws.example.com", Stage: "prod"}

	fmt.Println(apigw.EndpointFor(own, nil))
	fmt.Println(apigw.EndpointFor(custom, nil))
	fmt.Println(apigw.EndpointFor(custom, map[string]string{"ws.example.com": "chat"}))
	// Output:
	// https://abc123.execute-api.eu-west-1.amazonaws.com/prod <nil>
	//  apigw: the mapping key of the custom domain is unknown: "ws.example.com"
	// https://ws.example.com/chat <nil>
}

// Through the SDK, its retryer repeats a lookup that failed.
func ExampleNewSDK_retryLookups() {
	requests := 0
	endpoint, end := serve(func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"identity":{"sourceIp":"192.0.2.1"}}`)
	})
	defer end()
	cfg := aws.Config{Region: "eu-west-1", Retryer: func() aws.Retryer { return immediately{} }}
	client, err := apigw.NewSDK(cfg, endpoint)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	info, err := client.Info(context.Background(), gatesock.Target{ConnectionID: "ann="})
	fmt.Println(info.Identity.SourceIP, err, requests)
	// Output: 192.0.2.1 <nil> 2
}

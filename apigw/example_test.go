package apigw_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
)

func Example() {
	// Stands for the gateway: this connection has closed.
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
	}))
	defer gateway.Close()

	// In Lambda, with apigw.EnvironmentCredentials().
	client, err := apigw.New(nil, gateway.URL+"/dev")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	err = client.Post(context.Background(), gatesock.Target{ConnectionID: "R0oXAdfD0kwCH6w="}, []byte("hello"))
	fmt.Println(errors.Is(err, gatesock.ErrGone))
	// Output: true
}

// One message to many connections: it is hashed once.
func ExampleClient_Prepare() {
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		message, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL.Path, string(message))
	}))
	defer gateway.Close()
	client, err := apigw.New(nil, gateway.URL+"/dev")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()

	post := client.Prepare([]byte("hello"), 0)
	for _, id := range []string{"R0oXAdfD0kwCH6w=", "W9In0cvXIAMCFvw="} {
		if err := post(context.Background(), gatesock.Target{ConnectionID: id}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// /dev/@connections/R0oXAdfD0kwCH6w= hello
	// /dev/@connections/W9In0cvXIAMCFvw= hello
}

// Behind a custom domain the region has to be said.
func ExampleNew_customDomain() {
	_, err := apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com/chat")
	fmt.Println(err)
	_, err = apigw.New(apigw.EnvironmentCredentials(), "https://ws.example.com/chat", apigw.WithRegion("eu-west-1"))
	fmt.Println(err)
	// Output:
	// apigw: endpoint "https://ws.example.com/chat" names no region; use WithRegion
	// <nil>
}

func ExampleExecuteAPIEndpoint() {
	fmt.Println(apigw.ExecuteAPIEndpoint("abc123", "eu-west-1", "prod"))
	// Output: https://abc123.execute-api.eu-west-1.amazonaws.com/prod <nil>
}

func ExampleCustomDomainEndpoint() {
	fmt.Println(apigw.CustomDomainEndpoint("ws.example.com", "chat"))
	fmt.Println(apigw.CustomDomainEndpoint("ws.example.com", ""))
	// Output:
	// https://ws.example.com/chat <nil>
	// https://ws.example.com <nil>
}

func ExampleEndpointFor() {
	own := &gatesock.Request{DomainName: "abc123.execute-api.eu-west-1.amazonaws.com", Stage: "prod"}
	custom := &gatesock.Request{DomainName: "ws.example.com", Stage: "prod"}

	fmt.Println(apigw.EndpointFor(own, nil))
	fmt.Println(apigw.EndpointFor(custom, nil))
	fmt.Println(apigw.EndpointFor(custom, apigw.Mappings{"ws.example.com": "chat"}))
	// Output:
	// https://abc123.execute-api.eu-west-1.amazonaws.com/prod <nil>
	//  apigw: the custom domain's mapping key is not known: "ws.example.com"
	// https://ws.example.com/chat <nil>
}

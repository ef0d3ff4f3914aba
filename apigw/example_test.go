package apigw_test

import (
	"context"
	"errors"
	"fmt"
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

func ExampleExecuteAPI() {
	fmt.Println(apigw.ExecuteAPI("abc123", "eu-west-1", "prod"))
	// Output: https://abc123.execute-api.eu-west-1.amazonaws.com/prod <nil>
}

func ExampleCustomDomain() {
	fmt.Println(apigw.CustomDomain("ws.example.com", "chat"))
	fmt.Println(apigw.CustomDomain("ws.example.com", ""))
	// Output:
	// https://ws.example.com/chat <nil>
	// https://ws.example.com <nil>
}

func ExampleEndpointOf() {
	own := &gatesock.Request{DomainName: "abc123.execute-api.eu-west-1.amazonaws.com", Stage: "prod"}
	custom := &gatesock.Request{DomainName: "ws.example.com", Stage: "prod"}

	fmt.Println(apigw.EndpointOf(own, nil))
	fmt.Println(apigw.EndpointOf(custom, nil))
	fmt.Println(apigw.EndpointOf(custom, apigw.Mappings{"ws.example.com": "chat"}))
	// Output:
	// https://abc123.execute-api.eu-west-1.amazonaws.com/prod <nil>
	//  apigw: the custom domain's mapping key is not known: "ws.example.com"
	// https://ws.example.com/chat <nil>
}

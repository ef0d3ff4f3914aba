package iam_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/client/iam"
	"github.com/gatesock/gatesock/emulator"
)

// Connect to an API that only lets users of IAM in. A service takes its credentials from package
// config of the AWS SDK.
func ExampleWithCredentials() {
	ctx := context.Background()
	gateway, err := emulator.New(gatesock.New(), emulator.Config{
		Region: "eu-west-1", Logger: slog.New(slog.DiscardHandler),
		IAM: &emulator.IAM{
			Connect: true, Users: []emulator.IAMUser{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close(ctx) }()

	provider := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", "")
	c, err := client.Connect(ctx, server.URL, iam.WithCredentials(provider, "eu-west-1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.State().Status)

	_, err = client.Connect(ctx, server.URL)
	fmt.Println(err)
	// Output:
	// online
	// client: the handshake was refused: 403 Forbidden: Missing Authentication Token
}

// Sign the handshake of another WebSocket client.
func ExampleSigner() {
	provider := credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", "")
	sign := iam.Signer(provider, "eu-west-1")

	const address = "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod"
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	if err := sign(request); err != nil {
		log.Fatal(err)
	}
	// The other client sends the headers of the request.
	algorithm, _, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	fmt.Println(algorithm)
	// Output: AWS4-HMAC-SHA256
}

// Command awsv1 posts to connections with version 1 of the AWS SDK for Go, as function handlers do
// that nobody has changed for years. It reads cases from standard input and prints a result for each;
// see matrix_test.go.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/apigatewaymanagementapi"
)

func main() {
	var input struct {
		Connection string
		Cases      []struct{ Name, Endpoint string }
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		log.Fatal(err)
	}
	s := session.Must(session.NewSession())
	results := json.NewEncoder(os.Stdout)
	for _, c := range input.Cases {
		client := apigatewaymanagementapi.New(s, aws.NewConfig().WithEndpoint(c.Endpoint))
		_, err := client.PostToConnection(&apigatewaymanagementapi.PostToConnectionInput{
			ConnectionId: aws.String(input.Connection), Data: []byte(c.Name),
		})
		text := ""
		if err != nil {
			text = err.Error()
		}
		if err := results.Encode(map[string]string{"name": c.Name, "error": text}); err != nil {
			log.Fatal(err)
		}
	}
}

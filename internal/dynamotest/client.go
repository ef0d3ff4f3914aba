package dynamotest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// tableVariable names a real table to run the tests on.
const tableVariable = "GATESOCK_DYNAMODB_TABLE"

// localClient returns a client of DynamoDB Local, which accepts any letters and digits as
// credentials.
func localClient(endpoint string, transport http.RoundTripper) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""),
		HTTPClient:   &http.Client{Transport: transport},
	}, patient)
}

// ambientClient returns a client of AWS that the environment configures.
func ambientClient(getenv func(string) string, transport http.RoundTripper) (*dynamodb.Client, error) {
	var missing []string
	need := func(name string) string {
		value := getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	region, id, secret := need("AWS_REGION"), need("AWS_ACCESS_KEY_ID"), need("AWS_SECRET_ACCESS_KEY")
	if missing != nil {
		return nil, fmt.Errorf("dynamotest: %s is set, but not %s", tableVariable, strings.Join(missing, ", "))
	}
	options := dynamodb.Options{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN")),
		HTTPClient:  &http.Client{Transport: transport},
	}
	if endpoint := getenv("AWS_ENDPOINT_URL_DYNAMODB"); endpoint != "" {
		options.BaseEndpoint = aws.String(endpoint)
	}
	return dynamodb.New(options, patient), nil
}

package intercept

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
)

// posts is what a child of the matrix gets.
type posts struct {
	Connection string     `json:"connection"`
	Cases      []postCase `json:"cases"`
}

type postCase struct {
	Name     string `json:"name"`
	Way      string `json:"way"`
	Endpoint string `json:"endpoint"`
}

// posted is what it prints for each case.
type posted struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

// matrixChild is the child in Go: a handler with version 2 of the SDK, one with package apigw, and
// one with net/http.
func matrixChild(in io.Reader, out io.Writer) error {
	ctx := context.Background()
	var given posts
	if err := json.NewDecoder(in).Decode(&given); err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	ours, err := apigw.New(cfg.Credentials, "https://default.example", apigw.WithRegion(cfg.Region))
	if err != nil {
		return err
	}
	for _, c := range given.Cases {
		result := posted{Name: c.Name}
		if err := c.post(ctx, cfg, ours, given.Connection); err != nil {
			result.Error = err.Error()
		}
		if err := json.NewEncoder(out).Encode(result); err != nil {
			return err
		}
	}
	return nil
}

func (c postCase) post(ctx context.Context, cfg aws.Config, ours *apigw.Client, connection string) error {
	switch c.Way {
	case "SDK":
		client := apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
			if c.Endpoint != "" {
				o.BaseEndpoint = &c.Endpoint
			}
		})
		_, err := client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
			ConnectionId: &connection, Data: []byte(c.Name),
		})
		return err
	case "apigw":
		return ours.Post(ctx, gatesock.Target{ConnectionID: connection, Endpoint: c.Endpoint}, []byte(c.Name))
	case "net/http":
		request, err := http.NewRequestWithContext(ctx, http.MethodPost,
			c.Endpoint+"/@connections/"+url.PathEscape(connection), strings.NewReader(c.Name))
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			body, err := io.ReadAll(response.Body)
			return fmt.Errorf("%s %s %w", response.Status, body, err)
		}
		return nil
	}
	return fmt.Errorf("there is no way %q", c.Way)
}

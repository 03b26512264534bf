package testutil

// Blank imports keep the versions of what this module's packages are being built on in go.mod until each is imported by its own package.
import (
	_ "github.com/hashicorp/go-retryablehttp"
	_ "github.com/magiconair/properties"
	_ "github.com/moby/moby/api/types/container"
	_ "github.com/moby/moby/api/types/network"
	_ "github.com/moby/moby/client"
	_ "github.com/segmentio/kafka-go"
	_ "github.com/segmentio/kafka-go/sasl/plain"
	_ "github.com/segmentio/kafka-go/sasl/scram"
	_ "github.com/stretchr/testify/assert"
	_ "github.com/stretchr/testify/require"
	_ "github.com/testcontainers/testcontainers-go"
	_ "github.com/twmb/franz-go/pkg/kfake"
	_ "github.com/twmb/franz-go/pkg/kgo"
	_ "github.com/twmb/franz-go/pkg/kmsg"
	_ "go.yaml.in/yaml/v3"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/time/rate"
)

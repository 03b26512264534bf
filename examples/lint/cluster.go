package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/errtolerance"
)

// fromCluster reads every running connector, in one request.
func fromCluster(ctx context.Context, o options) (*set, error) {
	urls := strings.Split(o.connect, ",")
	opts := []connect.Option{connect.WithWorkers(urls[1:]...)}
	if user := os.Getenv("CONNECT_USER"); user != "" {
		opts = append(opts, connect.WithBasicAuth(user, os.Getenv("CONNECT_PASSWORD")))
	}
	client, err := connect.NewClient(urls[0], opts...)
	if err != nil {
		return nil, err
	}
	info, err := client.ServerInfo(ctx)
	if err != nil {
		return nil, err
	}
	all, err := client.ListExpanded(ctx, connect.Expand{Info: true})
	if err != nil {
		return nil, err
	}
	s := newSet()
	s.version = info.Version
	for _, name := range slices.Sorted(maps.Keys(all)) {
		conn := all[name].Info
		if conn == nil { // deleted meanwhile
			continue
		}
		s.add(name, conn.Config, place{complete: true})
		s.kinds[name] = errtolerance.ParseKind(string(conn.Type))
		if !o.validate || conn.Config["connector.class"] == "" {
			continue
		}
		v, err := client.ValidateConfig(ctx, conn.Config["connector.class"], conn.Config)
		if err != nil {
			return nil, fmt.Errorf("validate %s: %w", name, err)
		}
		values := []errtolerance.ServerValue{}
		for _, c := range v.Configs {
			if c.Value != nil {
				values = append(values, errtolerance.ServerValue{Name: c.Value.Name, Errors: c.Value.Errors})
			}
		}
		s.said[name] = values
	}
	return s, nil
}

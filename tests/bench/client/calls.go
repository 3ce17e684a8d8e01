package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// subject is what calls for one pod or container are about.
type subject struct{ pod, container, image string }

// caller makes one call.
type caller func(context.Context, *Clients, *subject) error

var callers = map[string]caller{
	"Version": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.Version(ctx, &cri.VersionRequest{})
		return err
	},
	"Status": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.Status(ctx, &cri.StatusRequest{})
		return err
	},
	"ListPodSandbox": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
		return err
	},
	"ListPodSandbox by id": func(ctx context.Context, c *Clients, s *subject) error {
		filter := &cri.PodSandboxFilter{Id: s.pod}
		_, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: filter})
		return err
	},
	"PodSandboxStatus": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: s.pod})
		return err
	},
	"ListContainers": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
		return err
	},
	"ListContainers of pod": func(ctx context.Context, c *Clients, s *subject) error {
		filter := &cri.ContainerFilter{PodSandboxId: s.pod}
		_, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: filter})
		return err
	},
	"ContainerStatus": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: s.container})
		return err
	},
	"ListImages": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.images.ListImages(ctx, &cri.ListImagesRequest{})
		return err
	},
	"ImageStatus": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: s.image}})
		return err
	},
	"ImageFsInfo": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.images.ImageFsInfo(ctx, &cri.ImageFsInfoRequest{})
		return err
	},
	"ListContainerStats": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.ListContainerStats(ctx, &cri.ListContainerStatsRequest{})
		return err
	},
	"ListPodSandboxStats": func(ctx context.Context, c *Clients, s *subject) error {
		_, err := c.runtime.ListPodSandboxStats(ctx, &cri.ListPodSandboxStatsRequest{})
		return err
	},
}

// subjects finds what is there.
func subjects(ctx context.Context, o *Options) ([]*subject, error) {
	c, err := dial(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	list, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	found := make([]*subject, len(list.Containers))
	for i, container := range list.Containers {
		found[i] = &subject{container.PodSandboxId, container.Id, o.image}
	}
	if len(found) == 0 {
		found = []*subject{{image: o.image}}
	}
	return found, nil
}

// measureCalls calls one method for a while, about one pod after another, and counts.
func measureCalls(ctx context.Context, o *Options) (*Result, error) {
	call := callers[o.method]
	if call == nil {
		return nil, fmt.Errorf("no method %s", o.method)
	}
	about, err := subjects(ctx, o)
	if err != nil {
		return nil, err
	}
	c, err := dial(o, leaveUnread)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var calls atomic.Int64
	var mutex sync.Mutex
	var first error
	result := newResult()
	began := time.Now()
	var group sync.WaitGroup
	for range o.parallel {
		group.Add(1)
		go func() {
			defer group.Done()
			var samples []float64
			for time.Since(began) < o.duration {
				n := calls.Add(1)
				callBegan := time.Now()
				if err := call(ctx, c, about[int(n)%len(about)]); err != nil {
					mutex.Lock()
					first = err
					mutex.Unlock()
					return
				}
				samples = append(samples, sinceMs(callBegan))
			}
			mutex.Lock()
			result.Samples[o.method] = append(result.Samples[o.method], samples...)
			mutex.Unlock()
		}()
	}
	group.Wait()
	if first != nil {
		return nil, first
	}
	result.Values["perSecond"] = float64(len(result.Samples[o.method])) / sinceMs(began) * 1000
	return result, nil
}

// steadyLoad calls as a kubelet does whose pods just run: both lists once a second, Status every
// five, images every ten, and each pod and container looked at once a minute.
func steadyLoad(ctx context.Context, o *Options) (*Result, error) {
	c, err := dial(o)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	about, err := subjects(ctx, o)
	if err != nil {
		return nil, err
	}
	result := newResult()
	calls := 0
	one := func(method string, s *subject) error {
		began := time.Now()
		err := callers[method](ctx, c, s)
		result.Samples[method] = append(result.Samples[method], sinceMs(began))
		calls++
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	seconds := int(o.duration / time.Second)
	looked := 0
	for second := 0; second < seconds; second++ {
		methods := []string{"ListPodSandbox", "ListContainers"}
		if second%5 == 0 {
			methods = append(methods, "Status")
		}
		if second%10 == 0 {
			methods = append(methods, "ListImages", "ImageFsInfo")
		}
		for _, method := range methods {
			if err := one(method, about[0]); err != nil {
				return nil, err
			}
		}
		for ; looked < (second+1)*len(about)/60; looked++ {
			s := about[looked%len(about)]
			for _, method := range []string{"PodSandboxStatus", "ContainerStatus"} {
				if err := one(method, s); err != nil {
					return nil, err
				}
			}
		}
		<-tick.C
	}
	result.Values["calls"] = float64(calls)
	return result, nil
}

// waitReady says when the server answers and lists as many pods as it should, in milliseconds
// since 1970. It prints a line first, once it looks.
func waitReady(ctx context.Context, o *Options) (*Result, error) {
	fmt.Println("{}")
	for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
		if isReady(ctx, o) {
			result := newResult()
			result.Values["at"] = float64(time.Now().UnixMicro()) / 1e3
			return result, nil
		}
	}
	return nil, ctx.Err()
}

// isReady tries on a connection of its own: a failed one would wait before it tries again.
func isReady(ctx context.Context, o *Options) bool {
	c, err := dial(o)
	if err != nil {
		return false
	}
	defer c.conn.Close()
	if _, err := c.runtime.Version(ctx, &cri.VersionRequest{}); err != nil {
		return false
	}
	if o.count == 0 {
		return true
	}
	list, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	return err == nil && len(list.Items) >= o.count
}

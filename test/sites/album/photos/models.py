from django.db import models


class Photo(models.Model):
    title = models.CharField(max_length=80)
    picture = models.FileField(upload_to="photos")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title
